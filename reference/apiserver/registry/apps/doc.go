// Package apps declares the resources of the apps group, v1.
package apps
