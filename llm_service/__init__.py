"""Understanding: summaries whose every statement names its turns, and a knowledge base that answers with citations."""
