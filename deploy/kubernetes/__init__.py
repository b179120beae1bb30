"""The house on Kubernetes: manifests for kustomize, and what of them is made from other files."""
