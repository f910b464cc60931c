using System.Buffers.Binary;

namespace Fleet.TestKit;

/// <summary>A recording as the frames of a speech detector: 512 new samples each, after the last 64 of the frame before.</summary>
public static class SpeechFrames
{
    /// <summary>Samples of one frame.</summary>
    public const int Length = Context + Step;

    private const int Context = 64;
    private const int Step = 512;

    /// <summary>The bytes before the samples in a plain WAV file.</summary>
    private const int Header = 44;

    /// <summary>Every whole frame of a WAV file of 16-bit mono, one after the other, with values from -1 to 1.</summary>
    public static (float[] Frames, int Count) Of(string path)
    {
        var file = File.ReadAllBytes(path).AsSpan(Header);
        var count = file.Length / sizeof(short) / Step;
        var frames = new float[count * Length];
        for (var frame = 0; frame < count; frame++)
        {
            for (var i = 0; i < Length; i++)
            {
                var at = frame * Step - Context + i;
                if (at >= 0) frames[frame * Length + i] = BinaryPrimitives.ReadInt16LittleEndian(file[(at * sizeof(short))..]) / 32768f;
            }
        }
        return (frames, count);
    }
}
