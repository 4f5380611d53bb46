module managed-tokens.example/interop

go 1.25.0

require (
	github.com/nats-io/nats-server/v2 v2.12.9
	github.com/nats-io/natscli v0.2.4
)
