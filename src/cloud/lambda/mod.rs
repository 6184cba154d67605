//! The part of AWS Lambda that the operator uses, as a port: <https://docs.aws.amazon.com/lambda/latest/api/>. One
//! file holds the calls and records of one subject.

pub mod function;

pub use function::{
    CodeChange, CodeSource, ConfigurationChange, Environment, FileSystemConfig, Function, Functions, ImageConfig,
    LoggingConfig, NewFunction, PackageType, Settings, VpcConfig,
};

/// All Lambda calls in use. A list is complete or an error.
pub trait Lambda: Functions {}

impl<T: Functions> Lambda for T {}
