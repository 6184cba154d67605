-- One script for VpcEndpoint, LambdaFunction and InstanceRole: they share the Ready condition.
local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
  return health
end

local annotations = obj.metadata.annotations
if annotations ~= nil and annotations["privatelink.dev/paused"] == "true" then
  health.status = "Suspended"
  health.message = "Paused by the annotation privatelink.dev/paused"
  return health
end

-- What was written about an earlier generation says nothing about this one.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local healthByReady = { True = "Healthy", Unknown = "Progressing", False = "Degraded" }
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    health.status = healthByReady[condition.status]
    health.message = condition.message
  end
end
return health
