"""Empty on purpose: ``dg`` looks for this folder; definitions are put together in ``rod_pipeline.definitions``."""
