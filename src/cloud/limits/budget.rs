//! The budgets, which are AWS's, and their rates, which an administrator may set.

use std::{collections::HashMap, str::FromStr};

use crate::cloud::{fault::Service, operation::Operation};

/// Calls a second for a long time, and how many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls a second.
    pub per_second: f64,
    /// Calls at once.
    pub burst: f64,
}

macro_rules! budgets {
    ($($(#[doc = $doc:literal])* $budget:ident = $name:literal, $per_second:literal, $burst:literal;)*) => {
        /// Operations that share one limit. In each region but for IAM, whose limits are the account's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Budget {
            $($(#[doc = $doc])* $budget,)*
        }

        impl Budget {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$budget,)*];

            /// Its name in flags and metrics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$budget => $name,)*
                }
            }

            const fn rate(self) -> Rate {
                match self {
                    $(Self::$budget => Rate { per_second: $per_second, burst: $burst },)*
                }
            }
        }
    };
}

budgets! {
    /// EC2's reads, which have 20 a second and 100 at once for each operation:
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
    Ec2Read = "ec2-read", 20.0, 100.0;
    /// EC2's other writes, which have 5 a second and 50 at once for each operation (the same page).
    Ec2Write = "ec2-write", 5.0, 50.0;
    /// Create, Modify and Delete of VPC endpoints, which have far less than other writes (the same page), and which
    /// AWS throttles for the whole organization besides: <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>.
    VpcEndpointWrite = "vpc-endpoint-write", 0.3, 4.0;
    /// IAM publishes no limit: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
    IamRead = "iam-read", 20.0, 50.0;
    /// As for reads.
    IamWrite = "iam-write", 10.0, 20.0;
    /// GetFunction, with 100 a second: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
    LambdaGetFunction = "lambda-get-function", 100.0, 100.0;
    /// GetPolicy, with 15 a second (the same page).
    LambdaGetPolicy = "lambda-get-policy", 15.0, 15.0;
    /// The rest of Lambda's control plane together, with 15 a second that AWS does not raise (the same page).
    Lambda = "lambda", 15.0, 15.0;
    /// S3's HEAD, which has 5,500 a second for each prefix:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>.
    S3 = "s3", 100.0, 100.0;
    /// STS, which is asked once a region who the operator is.
    Sts = "sts", 5.0, 10.0;
}

impl Budget {
    /// The budget that an operation draws on.
    pub fn of(operation: Operation) -> Self {
        use Operation as Op;
        match operation {
            Op::CreateVpcEndpoint | Op::ModifyVpcEndpoint | Op::DeleteVpcEndpoints => Self::VpcEndpointWrite,
            Op::GetFunction => Self::LambdaGetFunction,
            Op::GetPolicy => Self::LambdaGetPolicy,
            _ => match operation.service() {
                Service::Ec2 if operation.is_read() => Self::Ec2Read,
                Service::Ec2 => Self::Ec2Write,
                Service::Iam if operation.is_read() => Self::IamRead,
                Service::Iam => Self::IamWrite,
                Service::Lambda => Self::Lambda,
                Service::S3 => Self::S3,
                Service::Sts => Self::Sts,
            },
        }
    }

    /// Whether all regions share it.
    pub const fn is_global(self) -> bool {
        matches!(self, Self::IamRead | Self::IamWrite)
    }
}

/// The administrator's rates; AWS's where there is none.
#[derive(Clone, Debug, Default)]
pub struct Rates(HashMap<Budget, f64>);

impl Rates {
    /// The rate of a budget. What may be sent at once goes with what may be sent a second.
    pub fn of(&self, budget: Budget) -> Rate {
        let rate = budget.rate();
        let Some(&per_second) = self.0.get(&budget) else { return rate };
        Rate { per_second, burst: (rate.burst * per_second / rate.per_second).max(1.0) }
    }
}

/// One rate that was set, such as `lambda=5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetRate(Budget, f64);

impl FromIterator<SetRate> for Rates {
    /// The last one of a budget counts.
    fn from_iter<T: IntoIterator<Item = SetRate>>(rates: T) -> Self {
        Self(rates.into_iter().map(|SetRate(budget, per_second)| (budget, per_second)).collect())
    }
}

impl FromStr for SetRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rate) = text.split_once('=').ok_or("a budget and its calls a second, such as lambda=5")?;
        let budget = Budget::ALL.iter().find(|budget| budget.name() == name).ok_or_else(|| {
            let names: Vec<_> = Budget::ALL.iter().map(|budget| budget.name()).collect();
            format!("no budget is called {name}; there are {}", names.join(", "))
        })?;
        let rate = rate.parse().ok().filter(|rate| (0.01..=10_000.0).contains(rate));
        rate.map(|rate| Self(*budget, rate)).ok_or_else(|| "calls a second are a number from 0.01 to 10000".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_of_operations() {
        use Operation as Op;
        for (operation, budget) in [
            (Op::DescribeVpcEndpoints, Budget::Ec2Read),
            (Op::CreateTags, Budget::Ec2Write),
            (Op::CreateVpcEndpoint, Budget::VpcEndpointWrite),
            (Op::GetRole, Budget::IamRead),
            (Op::CreateRole, Budget::IamWrite),
            (Op::GetFunction, Budget::LambdaGetFunction),
            (Op::GetPolicy, Budget::LambdaGetPolicy),
            (Op::ListFunctions, Budget::Lambda),
            (Op::UpdateFunctionCode, Budget::Lambda),
            (Op::HeadObject, Budget::S3),
            (Op::GetCallerIdentity, Budget::Sts),
        ] {
            assert_eq!(Budget::of(operation), budget, "{operation:?}");
        }
    }

    #[test]
    fn rates_are_set_by_name() {
        let rates: Rates =
            ["lambda=5", "vpc-endpoint-write=30"].iter().map(|text| text.parse::<SetRate>().unwrap()).collect();
        assert_eq!(rates.of(Budget::Lambda), Rate { per_second: 5.0, burst: 5.0 });
        assert_eq!(rates.of(Budget::VpcEndpointWrite), Rate { per_second: 30.0, burst: 400.0 });
        assert_eq!(rates.of(Budget::IamRead), Budget::IamRead.rate());
        let slow: Rates = ["s3=0.01".parse::<SetRate>().unwrap()].into_iter().collect();
        assert!(slow.of(Budget::S3).burst >= 1.0, "one call must be possible");
    }

    #[test]
    fn what_is_no_rate_is_refused_in_words() {
        for (text, complaint) in [
            ("lambda", "such as lambda=5"),
            ("lamda=5", "no budget is called lamda; there are ec2-read,"),
            ("lambda=0", "a number from 0.01"),
            ("lambda=fast", "a number from 0.01"),
            ("lambda=NaN", "a number from 0.01"),
        ] {
            let error = text.parse::<SetRate>().unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }
}
