use kube::CustomResourceExt;
fn main() {
    println!(
        "{}",
        serde_saphyr::to_string(&privatelink_operator::kinds::instance_role::spec::InstanceRole::crd())
            .unwrap_or_default()
    );
}
