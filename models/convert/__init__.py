"""How do weights of other formats become ONNX, without the packages that made them?"""
