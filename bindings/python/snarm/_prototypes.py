"""Every function of the C interface: what it returns and its arguments. snarm_status is c_int, an opaque handle c_void_p.

In the order of snarm.h; tests/test_headers.py compares each with its declaration.
"""

from __future__ import annotations

from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_void_p
from typing import Any

from . import _abi as abi
from ._abi import float_p, handle_p, int32_p, size_p, uint8_p

# Every exported function: what it returns (snarm_status is c_int) and its arguments.
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    # status.h
    "snarm_last_error": (c_char_p, []),
    "snarm_status_name": (c_char_p, [c_int]),
    "snarm_version": (c_char_p, []),
    "snarm_default_threads": (c_int, []),
    # image.h
    "snarm_image_load": (c_int, [POINTER(abi.snarm_image), c_char_p, POINTER(abi.snarm_image_options)]),
    "snarm_image_decode": (c_int, [POINTER(abi.snarm_image), c_void_p, c_size_t, c_char_p, POINTER(abi.snarm_image_options)]),
    "snarm_image_release": (None, [POINTER(abi.snarm_image)]),
    "snarm_image_save_png": (c_int, [POINTER(abi.snarm_image), c_char_p]),
    "snarm_image_preprocess": (c_int, [POINTER(abi.snarm_image), POINTER(abi.snarm_preprocess), float_p, uint8_p]),
    "snarm_image_preprocess_light": (
        c_int,
        [POINTER(abi.snarm_image), POINTER(abi.snarm_preprocess), c_double, c_double, float_p, uint8_p],
    ),
    "snarm_image_light": (c_int, [POINTER(abi.snarm_image), POINTER(c_double)]),
    # depth.h
    "snarm_depth_load": (c_int, [POINTER(abi.snarm_depth), c_char_p, POINTER(abi.snarm_image_options)]),
    "snarm_depth_release": (None, [POINTER(abi.snarm_depth)]),
    "snarm_depth_relief": (c_int, [POINTER(abi.snarm_image), POINTER(abi.snarm_depth), POINTER(abi.snarm_relief_options)]),
    # backbone.h
    "snarm_backbone_create": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_backbone_options)]),
    "snarm_backbone_destroy": (None, [c_void_p]),
    "snarm_backbone_get_info": (c_int, [c_void_p, POINTER(abi.snarm_backbone_info)]),
    "snarm_backbone_coverage": (c_int, [c_void_p, float_p]),
    "snarm_backbone_features": (c_int, [c_void_p, float_p, float_p]),
    # bank.h
    "snarm_bank_create": (c_int, [handle_p, float_p, int32_p, c_size_t, c_int32, POINTER(abi.snarm_bank_options)]),
    "snarm_bank_destroy": (None, [c_void_p]),
    "snarm_bank_merge": (c_int, [handle_p, handle_p, c_size_t, POINTER(abi.snarm_bank_options)]),
    "snarm_bank_add": (c_int, [handle_p, c_void_p, float_p, int32_p, c_size_t, POINTER(abi.snarm_bank_options)]),
    "snarm_bank_save": (c_int, [c_void_p, c_char_p]),
    "snarm_bank_load": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_bank_options)]),
    "snarm_bank_get_size": (c_int, [c_void_p, size_p, int32_p, int32_p]),
    "snarm_bank_get_vectors": (c_int, [c_void_p, POINTER(float_p), POINTER(int32_p)]),
    "snarm_bank_search": (c_int, [c_void_p, float_p, c_size_t, c_int32, c_int32, float_p, int32_p]),
    "snarm_bank_tune": (c_int, [c_void_p, float_p, int32_p, c_size_t, c_int32, c_double]),
    "snarm_bank_get_search": (c_int, [c_void_p, POINTER(abi.snarm_bank_search_info)]),
    "snarm_coreset_select": (
        c_int,
        [float_p, c_size_t, c_int32, c_size_t, POINTER(abi.snarm_coreset_options), size_p, size_p],
    ),
    # residual.h
    "snarm_residual_create": (c_int, [handle_p, float_p, c_float, POINTER(abi.snarm_residual_options)]),
    "snarm_residual_destroy": (None, [c_void_p]),
    "snarm_residual_inter": (c_int, [c_void_p, c_void_p, float_p, c_int32, float_p]),
    "snarm_residual_hybrid": (c_int, [c_void_p, float_p, float_p, float_p, uint8_p, float_p]),
    # scorer.h
    "snarm_scorer_create": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_scorer_options)]),
    "snarm_scorer_destroy": (None, [c_void_p]),
    "snarm_scorer_get_info": (c_int, [c_void_p, POINTER(abi.snarm_scorer_info)]),
    "snarm_scorer_navigator": (c_int, [c_void_p, POINTER(float_p), float_p]),
    "snarm_scorer_logits": (c_int, [c_void_p, float_p, uint8_p, float_p]),
    "snarm_scorer_add_prior": (c_int, [c_void_p, float_p, float_p]),
    # map.h
    "snarm_map_from_logits": (c_int, [float_p, c_int32, c_int32, c_int32, c_int32, c_int32, c_int32, float_p]),
    "snarm_map_from_patches": (c_int, [float_p, c_int32, c_int32, c_int32, c_int32, c_int32, float_p]),
    "snarm_map_smooth": (c_int, [float_p, c_int32, c_int32, c_double, c_int32]),
    "snarm_map_contrast": (c_int, [float_p, c_int32, c_int32, c_int32, c_double, c_int32]),
    "snarm_map_score": (c_int, [float_p, c_int32, c_int32, float_p, int32_p, int32_p]),
    "snarm_map_resize": (c_int, [float_p, c_int32, c_int32, float_p, c_int32, c_int32]),
    # train.h
    "snarm_train_scorer": (
        c_int,
        [
            c_char_p,
            c_void_p,
            POINTER(abi.snarm_train_source),
            c_int32,
            c_double,
            POINTER(abi.snarm_train_options),
            POINTER(abi.snarm_train_report),
        ],
    ),
    # detector.h
    "snarm_detector_fit": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_image_source), POINTER(abi.snarm_fit_options)]),
    "snarm_detector_fit_files": (
        c_int,
        [handle_p, c_char_p, POINTER(c_char_p), c_size_t, POINTER(abi.snarm_fit_options)],
    ),
    "snarm_detector_destroy": (None, [c_void_p]),
    "snarm_detector_save": (c_int, [c_void_p, c_char_p]),
    "snarm_detector_load": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_detector_options)]),
    "snarm_detector_inspect": (c_int, [c_void_p, POINTER(abi.snarm_image), POINTER(abi.snarm_result), float_p]),
    "snarm_detector_inspect_depth": (
        c_int,
        [c_void_p, POINTER(abi.snarm_image), POINTER(abi.snarm_depth), POINTER(abi.snarm_result), float_p],
    ),
    "snarm_detector_map_to_image": (c_int, [c_void_p, float_p, c_int32, c_int32, float_p]),
    "snarm_detector_get_info": (c_int, [c_void_p, POINTER(abi.snarm_detector_info)]),
    "snarm_detector_get_training": (c_int, [c_void_p, POINTER(abi.snarm_train_report)]),
    "snarm_detector_backbone": (c_void_p, [c_void_p]),
    "snarm_detector_bank": (c_void_p, [c_void_p]),
    "snarm_detector_residual": (c_void_p, [c_void_p]),
    "snarm_detector_scorer": (c_void_p, [c_void_p]),
    "snarm_detector_get_scores": (c_int, [c_void_p, POINTER(float_p), size_p]),
    # pipeline.h
    "snarm_pipeline_run": (
        c_int,
        [
            c_void_p,
            POINTER(abi.snarm_pipeline_source),
            abi.snarm_pipeline_sink_fn,
            c_void_p,
            POINTER(abi.snarm_pipeline_options),
        ],
    ),
    "snarm_pipeline_run_files": (
        c_int,
        [
            c_void_p,
            POINTER(c_char_p),
            POINTER(c_char_p),
            c_size_t,
            abi.snarm_pipeline_sink_fn,
            c_void_p,
            POINTER(abi.snarm_pipeline_options),
        ],
    ),
    # metrics.h
    "snarm_metrics_scores": (c_int, [float_p, uint8_p, c_size_t, POINTER(abi.snarm_score_metrics)]),
    "snarm_metrics_curve": (c_int, [float_p, uint8_p, c_size_t, c_size_t, POINTER(abi.snarm_curve)]),
    "snarm_curve_release": (None, [POINTER(abi.snarm_curve)]),
    "snarm_pixel_metrics_create": (c_int, [handle_p, POINTER(abi.snarm_pixel_metrics_options)]),
    "snarm_pixel_metrics_add": (c_int, [c_void_p, float_p, uint8_p, c_int32, c_int32]),
    "snarm_pixel_metrics_finish": (c_int, [c_void_p, POINTER(abi.snarm_pixel_metrics_result)]),
    "snarm_pixel_metrics_curve": (c_int, [c_void_p, c_size_t, POINTER(abi.snarm_curve)]),
    "snarm_pixel_metrics_destroy": (None, [c_void_p]),
    # dataset.h
    "snarm_dataset_open": (c_int, [handle_p, c_char_p, POINTER(abi.snarm_dataset_options)]),
    "snarm_dataset_layout": (c_int, [c_void_p]),
    "snarm_dataset_category_count": (c_size_t, [c_void_p]),
    "snarm_dataset_category_name": (c_char_p, [c_void_p, c_size_t]),
    "snarm_dataset_sample_count": (c_size_t, [c_void_p, c_size_t, c_int]),
    "snarm_dataset_sample": (c_int, [c_void_p, c_size_t, c_int, c_size_t, POINTER(abi.snarm_sample)]),
    "snarm_dataset_destroy": (None, [c_void_p]),
    "snarm_image_list_open": (c_int, [handle_p, c_char_p]),
    "snarm_image_list_count": (c_size_t, [c_void_p]),
    "snarm_image_list_get": (c_char_p, [c_void_p, c_size_t]),
    "snarm_image_list_destroy": (None, [c_void_p]),
    "snarm_mask_load": (c_int, [c_char_p, POINTER(abi.snarm_preprocess), uint8_p]),
    "snarm_mask_load_full": (c_int, [POINTER(abi.snarm_image), c_char_p]),
    # report.h
    "snarm_heatmap_render": (
        c_int,
        [POINTER(abi.snarm_image), POINTER(abi.snarm_image), float_p, POINTER(abi.snarm_heatmap_options)],
    ),
    "snarm_report_create": (c_int, [handle_p, POINTER(abi.snarm_report_options)]),
    "snarm_report_add": (c_int, [c_void_p, POINTER(abi.snarm_report_sample)]),
    "snarm_report_set_pixels": (c_int, [c_void_p, c_char_p, c_void_p]),
    "snarm_report_add_fact": (c_int, [c_void_p, c_char_p, c_char_p]),
    "snarm_report_write": (c_int, [c_void_p, c_char_p]),
    "snarm_report_destroy": (None, [c_void_p]),
}
