"""Data other than MNIST: that of torchvision, a folder of pictures, digits that are given; each by its name."""
