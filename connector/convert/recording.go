package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/event"
)

// maxThumbnailSize bounds the picture that a Matrix client sends along with a video.
const maxThumbnailSize = 5 << 20

// VideoType is the type of a video that phones play as it is, empty for any other. It leaves the file at its
// start. Source: ISO/IEC 14496-12, section 4.3 (the file type box comes first).
func VideoType(file *os.File) (string, error) {
	head := make([]byte, 12)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read head of video: %w", err)
	}
	brand := string(head[8:])
	switch {
	case n < len(head), string(head[4:8]) != "ftyp", brand == "qt  ":
		return "", nil
	case strings.HasPrefix(brand, "3g"):
		return "video/3gpp", nil
	default:
		return "video/mp4", nil
	}
}

// RecordingOf is what a Matrix client says of a recording.
func RecordingOf(info *event.FileInfo) (recording Recording) {
	recording.Size.X, recording.Size.Y = max(0, info.Width), max(0, info.Height)
	recording.Duration = time.Duration(max(0, info.Duration)) * time.Millisecond
	return recording
}

// WholeSeconds rounds, but not to nothing; nil is not known.
func WholeSeconds(duration time.Duration) *uint32 {
	if duration <= 0 {
		return nil
	}
	seconds := uint32(max(1, min(duration.Round(time.Second)/time.Second, 1<<31)))
	return &seconds
}

// SentThumbnail is the small picture that came with a Matrix message, at most side pixels wide and high; nil if none can be had: it is an ornament.
func SentThumbnail(ctx context.Context, down Downloader, info *event.FileInfo, side int) (thumbnail []byte) {
	content := &event.MessageEventContent{URL: info.ThumbnailURL, File: info.ThumbnailFile, Info: info.ThumbnailInfo}
	if content.URL == "" && content.File == nil {
		return nil
	}
	err := Download(ctx, down, content, maxThumbnailSize, func(file *os.File, _ int64) (err error) {
		thumbnail, err = Thumbnail(file, side)
		return err
	})
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Sending a video without its thumbnail")
	}
	return thumbnail
}

// FirstFrame is a thumbnail of a video, at most side pixels wide and high; nil without ffmpeg.
func FirstFrame(ctx context.Context, file *os.File, side int) (thumbnail []byte) {
	err := Transcode(ctx, file, ".jpg", FrameOptions, func(frame *os.File) (err error) {
		thumbnail, err = Thumbnail(frame, side)
		return err
	})
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Sending a video without a thumbnail")
	}
	return thumbnail
}

// wavePoints is how many points phones draw of a recording's loudness.
const wavePoints = 64

// Waveform brings the loudness of a Matrix recording, of any length, to the points that phones draw, from 0 to loudest; nil
// if there is none.
func Waveform(waveform []int, loudest int) []byte {
	if len(waveform) == 0 {
		return nil
	}
	points := make([]byte, wavePoints)
	for i := range points {
		point := waveform[i*len(waveform)/wavePoints]
		points[i] = byte(max(0, min(point, MaxLoudness)) * loudest / MaxLoudness)
	}
	return points
}
