# Values for plans that are checked and never applied to an account.

home            = "east"
domain          = "bank.example.com"
zone_name       = "example.com"
alarm_receivers = ["on-call@bank.example"]
ami_ids         = { east = "ami-0123456789abcdef0", west = "ami-0fedcba9876543210" }
artifact        = { key = "releases/1/ballast.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
sign_in         = { well_known_url = "https://sign-in.bank.example/.well-known/openid-configuration", client_id = "jenkins", groups_claim = "groups" }
ami_id          = "ami-0123456789abcdef0"
setup           = { key = "jenkins.tar.gz", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
ssm_agent       = { key = "agents/1/agent.deb", sha256 = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
