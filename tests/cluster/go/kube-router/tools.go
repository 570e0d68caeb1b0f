//go:build tools

// Package tools names the command to build, so that go mod tidy keeps what it needs.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
