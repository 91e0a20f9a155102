# OpenBao in a container: raft on one node, unsealed by a key of its own that lies in no backup of its storage.
ui = false
disable_mlock = true
api_addr = "https://openbao:8200"
cluster_addr = "https://openbao:8201"

storage "raft" {
  path    = "/openbao/data"
  node_id = "one"
}

listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/run/secrets/openbao_cert"
  tls_key_file  = "/run/secrets/openbao_key"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/secrets/openbao_unseal"
}
