//! The operator as a process against a real kube-apiserver and LocalStack.

mod aspect_event_sources;
mod aspect_settings;
mod bad_input;
mod crash;
mod drift;
mod endpoint_peers;
mod endpoint_types;
mod examples;
mod faults;
mod function_code;
mod function_settings;
mod fuzz;
mod gitops;
mod ha;
mod health;
mod install;
mod lifecycle;
mod metrics;
mod ownership;
mod references;
mod rest;
mod role_whole;
mod startup;
mod story;
mod throttle;
mod trust;
mod watched;

/// An interface endpoint in the test's network.
pub const ENDPOINT: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: VpcEndpoint
metadata: { name: lambda }
spec:
  type: Interface
  service: lambda
  vpc: { id: $vpc }
  subnets: [{ tags: { Name: $net } }]
  securityGroups: [{ name: $net }]
  privateDnsEnabled: false
";

/// A role for the test's instance.
pub const ROLE: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: InstanceRole
metadata: { name: client }
spec:
  managedPolicies: [AWSLambdaExecute, AWSLambdaRole]
  instances: [{ id: $instance }]
";

/// A function with an execution role of its own.
pub const FUNCTION: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: LambdaFunction
metadata: { name: hello }
spec:
  runtime: nodejs22.x
  handler: index.handler
  memorySize: 128
  env: [{ name: GREETING, value: Hello }]
  code:
    inline:
      index.js: |
        exports.handler = async () => ({ statusCode: 200, body: 'Hello from Lambda!' });
  executionRole:
    create: { managedPolicies: [AWSLambdaBasicExecutionRole] }
";
