//! MobileNet V1, V2 and V3 small, pretrained on ImageNet: trainable form, fast inference form, preprocessing.
