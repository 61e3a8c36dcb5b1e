package convert

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"

	"go.mau.fi/util/ffmpeg"
)

// ErrNoFFmpeg is a conversion that this machine can't do.
var ErrNoFFmpeg = errors.New("ffmpeg is not installed on the bridge's machine")

// ErrTranscode is a file that ffmpeg does not take.
var ErrTranscode = errors.New("file can't be converted")

// inputOptions keep a file that is a playlist from naming others on the network.
var inputOptions = []string{"-protocol_whitelist", "file"}

// Transcode has ffmpeg convert file, which must have a name, to the format of ending (with its dot), and gives the result
// to use, at its start; it is deleted afterwards. use may overwrite it. It blocks as long as ffmpeg takes, which ctx
// bounds. Errors wrap ErrNoFFmpeg, ErrTranscode, or are use's own.
func Transcode(ctx context.Context, file *os.File, ending string, options []string, use func(*os.File) error) error {
	if !ffmpeg.Supported() {
		return ErrNoFFmpeg
	}
	dir, err := os.MkdirTemp("", "crosschat-convert-*")
	if err != nil {
		return fmt.Errorf("make folder for conversion: %w", err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "result"+ending)
	if err := ffmpeg.ConvertPathWithDestination(ctx, file.Name(), name, inputOptions, options, false); err != nil {
		return fmt.Errorf("%w to %s: %w", ErrTranscode, ending, err)
	}
	result, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open converted file: %w", err)
	}
	defer result.Close()
	return use(result)
}

// The options of the conversions that networks ask for.
var (
	// OpusOptions make a voice message: mono Opus, for Ogg.
	OpusOptions = []string{"-vn", "-map_metadata", "-1", "-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k", "-application", "voip"}
	// AACOptions make a voice message of the other kind: mono AAC, for M4A.
	AACOptions = []string{"-vn", "-map_metadata", "-1", "-ac", "1", "-ar", "44100", "-c:a", "aac", "-b:a", "48k", "-movflags", "+faststart"}
	// H264Options make a video that every phone plays, for MP4. The sides become even, which the codec wants.
	H264Options = []string{
		"-map_metadata", "-1", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2",
		"-c:a", "aac", "-movflags", "+faststart",
	}
	// LoopOptions make a video without sound of a GIF, for MP4.
	LoopOptions = append([]string{"-an"}, H264Options...)
	// StickerOptions make a sticker of 512 by 512 pixels, for WebP; AnimatedStickerOptions one that moves, for ever.
	StickerOptions         = append([]string{"-frames:v", "1", "-c:v", "libwebp"}, stickerFrame...)
	AnimatedStickerOptions = append([]string{"-an", "-c:v", "libwebp_anim", "-loop", "0", "-t", "10"}, stickerFrame...)
	// FrameOptions take the first picture of a video, for JPEG.
	FrameOptions = []string{"-an", "-frames:v", "1", "-vf", "scale=320:320:force_original_aspect_ratio=decrease"}
)

var stickerFrame = []string{
	"-quality", "75", "-vf",
	"format=rgba,scale=512:512:force_original_aspect_ratio=decrease,pad=512:512:-1:-1:color=0x00000000",
}

// Recording is what can be told of a file with video or sound. Size is zero without video.
type Recording struct {
	Duration time.Duration
	Size     image.Point
}

// InspectRecording asks ffprobe about a file, which must have a name. ok is false if there is no ffprobe or it does not
// know the format.
func InspectRecording(ctx context.Context, file *os.File) (recording Recording, ok bool) {
	if !ffmpeg.ProbeSupported() {
		return Recording{}, false
	}
	probed, err := ffmpeg.Probe(ctx, file.Name())
	if err != nil {
		return Recording{}, false
	}
	if probed.Format != nil {
		recording.Duration = time.Duration(probed.Format.Duration * float64(time.Second))
	}
	for _, stream := range probed.Streams {
		if stream.Width > 0 && stream.Width <= maxSide && stream.Height > 0 && stream.Height <= maxSide {
			recording.Size = image.Pt(stream.Width, stream.Height)
			break
		}
	}
	if recording.Duration < 0 || recording.Duration > maxDuration {
		recording.Duration = 0
	}
	return recording, true
}
