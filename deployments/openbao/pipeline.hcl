# What takes deliveries in and builds marts: makes keys and uses them, and can destroy none.
path "rod-transit/keys/+"    { capabilities = ["create", "update", "read"] }
path "rod-transit/keys"      { capabilities = ["list"] }
path "rod-transit/encrypt/*" { capabilities = ["create", "update"] }
path "rod-transit/decrypt/*" { capabilities = ["create", "update"] }
path "rod-keys/data/live/*"  { capabilities = ["create", "read"] }
path "rod-keys/data/gone/*"  { capabilities = ["read"] }
path "rod-keys/metadata/live" { capabilities = ["list"] }
path "rod-keys/metadata/live/*" { capabilities = ["list"] }
