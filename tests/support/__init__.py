"""What the tests share: references, tiny encoders, hostile folders, children to kill."""
