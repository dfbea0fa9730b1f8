"""Language tools that several services share: embeddings, lemmas, BM25, people, dates, sounds.

Nothing here knows of services, contracts or storage; Russian and English are first-class, alone and mixed.
"""
