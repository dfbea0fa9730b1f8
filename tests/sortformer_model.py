"""A small Sortformer with random weights, saved as a real .nemo file."""

from pathlib import Path
from typing import Any

__all__ = ["save_model", "small_config"]


def small_config() -> dict[str, Any]:
    """The configuration of streaming Sortformer v2, with few and narrow layers."""
    return {
        "target": "nemo.collections.asr.models.sortformer_diar_models.SortformerEncLabelModel",
        "sample_rate": 16_000,
        "max_num_of_spks": 4,
        "streaming_mode": True,
        "async_streaming": False,
        "pil_weight": 0.5,
        "ats_weight": 0.5,
        "model_defaults": {"fc_d_model": 32, "tf_d_model": 16},
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "normalize": "NA",
            "window_size": 0.025,
            "sample_rate": 16_000,
            "window_stride": 0.01,
            "window": "hann",
            "features": 40,
            "n_fft": 512,
            "frame_splicing": 1,
            "dither": 0.00001,
        },
        "sortformer_modules": {
            "_target_": "nemo.collections.asr.modules.sortformer_modules.SortformerModules",
            "num_spks": 4,
            "dropout_rate": 0.5,
            "fc_d_model": 32,
            "tf_d_model": 16,
            "chunk_left_context": 1,
        },
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder",
            "feat_in": 40,
            "feat_out": -1,
            "n_layers": 2,
            "d_model": 32,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": 16,
            "ff_expansion_factor": 2,
            "self_attention_model": "rel_pos",
            "n_heads": 2,
            "att_context_size": [-1, -1],
            "conv_kernel_size": 9,
        },
        "transformer_encoder": {
            "_target_": "nemo.collections.asr.modules.transformer.transformer_encoders.TransformerEncoder",
            "num_layers": 2,
            "hidden_size": 16,
            "inner_size": 32,
            "num_attention_heads": 2,
            "pre_ln": False,
        },
        "loss": {"_target_": "nemo.collections.asr.losses.bce_loss.BCELoss", "reduction": "mean"},
    }


def save_model(path: Path, config: dict[str, Any]) -> Any:
    """Makes a model with fixed random weights, saves it and returns it."""
    import torch
    from nemo.collections.asr.models import SortformerEncLabelModel
    from omegaconf import OmegaConf

    torch.manual_seed(7)
    model = SortformerEncLabelModel(OmegaConf.create(config)).eval()
    with torch.no_grad():
        # Random heads say about one half everywhere; larger weights make them take sides.
        model.sortformer_modules.single_hidden_to_spks.weight *= 6
    model.save_to(str(path))
    return model
