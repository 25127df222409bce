"""Makes a small random checkpoint and tokenizer folder for detoxify; run with the Python of .venv-ml: FAMILY FOLDER."""

import json
import sys
import typing
from pathlib import Path

import sentencepiece  # type: ignore[import-not-found]
import tokenizers  # type: ignore[import-not-found]
import torch
import transformers

SENTENCES = [
    "The bins are collected on Tuesday, please put them out in the evening.",
    "Has anybody seen our grey cat near the old mill? She answers to Minka.",
    "You are an idiot and your dog is stupid.",
    "Wer hat am Samstag Zeit, beim Straßenfest zu helfen?",
    "Zebras quickly jump over six vexed wizards; fine kites blow by.",
] * 20
CLASSES = ["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"]
MULTILINGUAL = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
Checkpoint: typing.TypeAlias = dict[str, typing.Any]
SMALL: dict[str, typing.Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def original(folder: Path) -> Checkpoint:
    """BERT, with a word list as its tokenizer."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        SENTENCES, tokenizers.trainers.WordPieceTrainer(vocab_size=300, special_tokens=special)
    )
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in words), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")
    config = transformers.BertConfig(vocab_size=len(words), num_labels=6, **SMALL)
    return save(folder, config, transformers.BertForSequenceClassification(config), "bert-base-uncased", CLASSES)


def original_small(folder: Path) -> Checkpoint:
    """ALBERT, with a sentencepiece model."""
    special = ["[CLS]", "[SEP]", "[MASK]"]
    size = train_pieces(folder / "spiece", control_symbols=special, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1)
    config = transformers.AlbertConfig(vocab_size=size, embedding_size=16, num_labels=6, **SMALL)
    return save(folder, config, transformers.AlbertForSequenceClassification(config), "albert-base-v2", CLASSES)


def multilingual(folder: Path) -> Checkpoint:
    """XLM-R: sixteen outputs, of which seven have names."""
    size = train_pieces(folder / "sentencepiece.bpe")
    config = transformers.XLMRobertaConfig(
        vocab_size=size + 10, max_position_embeddings=514, type_vocab_size=1, num_labels=16, **SMALL
    )
    model = transformers.XLMRobertaForSequenceClassification(config)
    return save(folder, config, model, "xlm-roberta-base", MULTILINGUAL)


def train_pieces(prefix: Path, **options: object) -> int:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(prefix), vocab_size=200, hard_vocab_limit=False,
        minloglevel=2, **options,
    )  # fmt: skip
    return int(sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model").get_piece_size())


def save(folder: Path, config: typing.Any, model: typing.Any, model_type: str, classes: list[str]) -> Checkpoint:
    """The folder as published ones are: its config.json says nothing of our labels."""
    outputs = config.num_labels
    # The labels' values fall from 0.95 to 0.05, so that a test sees whether weights and labels arrived unchanged.
    head = getattr(model.classifier, "out_proj", model.classifier)
    head.bias.data = torch.linspace(3, -3, len(classes)).repeat(3)[:outputs]
    config.num_labels = 2
    config.save_pretrained(folder)
    arch = {"num_classes": outputs, "model_type": model_type, "model_name": type(model).__name__}
    arch["tokenizer_name"] = arch["model_name"].removesuffix("ForSequenceClassification") + "Tokenizer"
    arguments = {"arch": {"args": arch}, "dataset": {"args": {"classes": classes}}}
    return {"config": arguments, "state_dict": model.state_dict()}


if __name__ == "__main__":
    torch.manual_seed(7)
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    make = {"original": original, "original-small": original_small, "multilingual": multilingual}[sys.argv[1]]
    torch.save(make(target), target / "model.ckpt")
