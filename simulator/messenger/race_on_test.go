//go:build race

package messenger_test

const raceDetector = true
