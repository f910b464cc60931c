namespace Fleet.Contracts.Builds;

/// <summary>
/// How a sample becomes the input of a teacher that was trained on another form of it: (value * <see cref="Scale"/> - mean) / deviation,
/// channel by channel, in the colour order, size, layout and shape that it takes.
/// </summary>
public sealed record TeacherInput
{
    /// <summary>What values are multiplied by first, such as 255 for a teacher of pixels 0 to 255; absent: 1.</summary>
    public double? Scale { get; init; }

    /// <summary>What is then taken off: one number, or one for each channel of the teacher; absent: 0.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>What the rest is divided by: one number, or one for each channel of the teacher; absent: 1.</summary>
    public IReadOnlyList<double>? Deviation { get; init; }

    /// <summary>Its order of colours, where samples are red, green, blue; absent: theirs.</summary>
    public PictureColour? Colour { get; init; }

    /// <summary>Where it has its channels; absent: where its file says.</summary>
    public SampleLayout? Layout { get; init; }

    /// <summary>Shape of one sample as it takes it, without the batch; absent: as its file says, and the data's of TorchScript.</summary>
    public IReadOnlyList<int>? Shape { get; init; }
}
