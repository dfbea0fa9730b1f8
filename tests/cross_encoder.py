"""A small cross-encoder with random weights, saved by transformers and exported by optimum as users export theirs."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from optimum.onnxruntime import ORTModelForSequenceClassification
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def save(folder: Path, words: Iterable[str], labels: int = 1, seed: int = 1) -> Path:
    """Write the network, its tokenizer and `model.onnx` into the folder; `words` are all it tells apart."""
    ids = {word: number for number, word in enumerate([*_SPECIAL, *sorted({word.lower() for word in words})])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    torch.manual_seed(seed)
    network = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(ids),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=512,
            initializer_range=0.5,
            num_labels=labels,
        )
    )
    network.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
    ).save_pretrained(folder)
    with warnings.catch_warnings():
        # The tracer tells that constants of the network become constants of the graph.
        warnings.simplefilter("ignore")
        ORTModelForSequenceClassification.from_pretrained(folder, export=True).save_pretrained(folder)
    return folder
