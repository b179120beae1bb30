"""The whole house on one bare machine, with the standard library only.

Not for production: images and manifests live beside this package.
"""
