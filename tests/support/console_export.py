"""The columns of the console's usage export, and the kinds of tokens in it."""

HEADER = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
    "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
    "usage_output_tokens,web_search_count,inference_geo,speed\n"
)
KINDS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "web_searches")
