//go:build tools

// Package interop pins the programs that the interoperability tests are run against.
package interop

import (
	_ "github.com/nats-io/nats-server/v2"
	_ "github.com/nats-io/natscli/nats"
)
