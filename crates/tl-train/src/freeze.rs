//! Which layers of the backbone stay as they are.

use regex::Regex;
use tl_backbone::{LayerInfo, Spec, layers};

/// What `--freeze` says. A convolution and its `BatchNorm` are frozen together.
#[derive(Debug, Clone)]
pub(crate) enum Freeze {
    All,
    None,
    /// So many of the layers that Keras counts: those whose convolution has an index below this.
    First(usize),
    /// The stages before this one.
    Stages(usize),
    /// The layers whose name matches.
    Name(Regex),
}

impl Freeze {
    /// Reads `all`, `none`, a number, `stage:K` or `name:REGEX`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let number = |number: &str| {
            number.parse().map_err(|_| {
                format!("freeze is {text:?}, but it is all, none, a number, stage:K or name:REGEX; `tl info --layers BACKBONE` lists the layers")
            })
        };
        match text.split_once(':') {
            Some(("stage", stage)) => Ok(Self::Stages(number(stage)?)),
            Some(("name", pattern)) => {
                Regex::new(pattern).map(Self::Name).map_err(|e| format!("freeze has a wrong regular expression: {e}"))
            }
            _ if text == "all" => Ok(Self::All),
            _ if text == "none" => Ok(Self::None),
            _ => Ok(Self::First(number(text)?)),
        }
    }

    /// What is wrong with freezing `text` of this network, while it is to be trained.
    pub(crate) fn problem(&self, text: &str, spec: &Spec) -> Option<String> {
        let trained = self.trained(&layers(spec));
        let problem = match (self, trained.contains(&false)) {
            _ if !trained.contains(&true) => {
                "leaves nothing of it to be trained; freeze less, or use --recipe features"
            }
            (Self::Name(_), false) => "matches the name of no layer; `tl info --layers BACKBONE` lists them",
            _ => return None,
        };
        Some(format!("freeze is {text:?}, which for {} {problem}", spec.name))
    }

    /// For each layer whether it is trained.
    pub(crate) fn trained(&self, layers: &[LayerInfo]) -> Vec<bool> {
        layers.iter().map(|layer| !self.freezes(layer)).collect()
    }

    fn freezes(&self, layer: &LayerInfo) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::First(n) => layer.keras_index < *n,
            Self::Stages(n) => layer.stage < *n,
            Self::Name(pattern) => pattern.is_match(&layer.name),
        }
    }
}
