// Package core declares the resources of the core group, v1.
package core
