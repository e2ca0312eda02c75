"""Did these lips speak the prompt, now?"""
