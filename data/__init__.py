"""Embedded encoders and example files; `sentemb.embedded` finds them."""
