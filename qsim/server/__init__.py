"""A market over HTTP: its questions, history, SQL and changes as they come, and a page that shows them."""
