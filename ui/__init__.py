"""The web page: a client of the orchestrator in Streamlit."""
