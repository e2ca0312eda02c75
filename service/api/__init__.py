"""The routes of the HTTP service, by what they are about; `service/app.py` puts them together."""
