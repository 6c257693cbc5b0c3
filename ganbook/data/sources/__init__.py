"""Where data come from: embedded, through torchvision, from folders of image files."""
