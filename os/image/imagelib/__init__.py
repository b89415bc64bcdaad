"""What os/image/build is made of: one module per kind of thing (packages, trees, archives, file systems, media)."""
