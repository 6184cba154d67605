# The story of examples/private-lambda as dev/demo and dev/kind tell it: what is there before, the call, and that nothing
# is left. Sourced by them, not run; kubectl and aws lead to the cluster and the account.
# shellcheck shell=bash

# shellcheck disable=SC2034,SC2154
example=$repository/examples/private-lambda

# tagged TYPE NAME: the argument that gives what is made here its name.
tagged() { echo "ResourceType=$1,Tags=[{Key=Name,Value=$2}]"; }

# The network that is there before the operator: a VPC, a private subnet with its route table, a security group and a
# running instance, carrying the names that the example's selectors look for.
make_network() {
  local vpc subnet table group image instance
  vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --tag-specifications "$(tagged vpc demo)" \
    --query Vpc.VpcId --output text)
  # Off in a new VPC, and private DNS of an endpoint needs it.
  aws ec2 modify-vpc-attribute --vpc-id "$vpc" --enable-dns-hostnames
  subnet=$(aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.1.0/24 \
    --tag-specifications "$(tagged subnet demo-private)" --query Subnet.SubnetId --output text)
  table=$(aws ec2 create-route-table --vpc-id "$vpc" --tag-specifications "$(tagged route-table demo-private)" \
    --query RouteTable.RouteTableId --output text)
  aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet" >/dev/null
  group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name demo-lambda \
    --description 'HTTPS from the subnet to the endpoint' --query GroupId --output text)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 443 --cidr 10.0.1.0/24 >/dev/null
  image=$(aws ec2 describe-images --query 'Images[0].ImageId' --output text)
  instance=$(aws ec2 run-instances --image-id "$image" --subnet-id "$subnet" \
    --tag-specifications "$(tagged instance demo-client)" --query 'Instances[0].InstanceId' --output text)
  aws ec2 wait instance-running --instance-ids "$instance"
  echo "    $vpc $subnet $table $group $instance"
}

# Takes the role's credentials and calls the function with them. Fails unless it answers what the example says.
invoke() {
  local role function credentials answer payload
  local -x AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  role=$(kubectl get instancerole client --output 'jsonpath={.status.arn}')
  function=$(kubectl get lambdafunction hello --output 'jsonpath={.status.arn}')
  credentials=$(aws sts assume-role --role-arn "$role" --role-session-name demo \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$credentials"
  echo "    as $(aws sts get-caller-identity --query Arn --output text)"
  echo "    \$ aws lambda invoke --function-name $function"
  answer=$(aws lambda invoke --function-name "$function" --query '[StatusCode,ExecutedVersion]' --output text \
    "$dir/answer.json")
  payload=$(cat "$dir/answer.json")
  echo "    StatusCode, ExecutedVersion: $answer"
  echo "    $payload"
  [[ $answer == $'200\t$LATEST' && $payload == '{"statusCode":200,"body":"Hello from Lambda!"}' ]] ||
    die 'this is not the answer that the example is made to give'
}

# count WHAT CMD...: prints how many there are and adds them to `left`. CMD prints one a word.
count() {
  local what=$1 found
  shift
  found=$("$@" --output text)
  # shellcheck disable=SC2206
  found=($found)
  printf '    %d %s\n' "${#found[@]}" "$what"
  left=$((left + ${#found[@]}))
}

# All that AWS has of these kinds: this account is new, so each would be the operator's.
show_nothing_is_left() {
  left=0
  # shellcheck disable=SC2016
  count 'VPC endpoints' aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[?State!=`deleted`].VpcEndpointId'
  count 'functions' aws lambda list-functions --query 'Functions[].FunctionName'
  count 'roles' aws iam list-roles --query 'Roles[].RoleName'
  count 'instance profiles' aws iam list-instance-profiles --query 'InstanceProfiles[].InstanceProfileName'
  count 'instance profile associations' aws ec2 describe-iam-instance-profile-associations \
    --query 'IamInstanceProfileAssociations[].AssociationId'
  ((left == 0)) || die 'AWS still holds something of ours'
}
