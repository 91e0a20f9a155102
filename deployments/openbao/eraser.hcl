# What carries out purges: sees that a key is there, marks it as gone and destroys it, and can open nothing.
path "rod-transit/keys"      { capabilities = ["list"] }
path "rod-transit/keys/+"    { capabilities = ["read", "delete"] }
path "rod-transit/keys/+/config" { capabilities = ["create", "update"] }
path "rod-keys/data/live/*"  { capabilities = ["read"] }
path "rod-keys/data/gone/*"  { capabilities = ["create", "read"] }
path "rod-keys/metadata/live" { capabilities = ["list"] }
path "rod-keys/metadata/live/*" { capabilities = ["list", "delete"] }
