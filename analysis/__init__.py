"""What do checks read of one transaction, computed once, and by whose networks?"""
