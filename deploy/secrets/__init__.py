"""Everything secret of one deployment, made where it is deployed from; Python alone is needed."""
