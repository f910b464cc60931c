using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>The student.</summary>
public sealed record StudentSpec
{
    /// <summary>The word for a family that is searched, with its width, its depth and what it is trained with.</summary>
    public const string Auto = "auto";

    /// <summary>
    /// <c>mlp</c> (fully connected, any samples), <c>conv1d</c> or <c>conv1d-residual</c> (signals), <c>tcn</c> (signals; causal dilated
    /// convolutions), <c>gru</c> (signals; a recurrent network, whose units stay float in static int8), <c>random-kernels</c> (signals;
    /// fixed kernels and a linear head), <c>cnn</c>, <c>cnn-separable</c> or <c>cnn-residual</c> (images; plain convolutions,
    /// depthwise-separable ones, or these in residual blocks), <c>text-cnn</c> or <c>encoder</c> (texts; kernels over neighbouring words
    /// beside the mean of all, or a transformer), <c>prototypes</c> (anomalies; the distance from the nearest of some normal samples);
    /// <c>auto</c>: the best within <see cref="Budget"/> on samples held out of the training ones.
    /// </summary>
    public required string Family { get; init; }

    /// <summary>
    /// Channels of the first stage; of <c>mlp</c> the units of each stage, of <c>gru</c> the units, of <c>random-kernels</c> the kernels of
    /// each dilation, of <c>text-cnn</c> and <c>encoder</c> the width of a token's vector. <c>auto</c> searches the largest that meets
    /// <see cref="Budget"/>.
    /// </summary>
    public StudentWidth Width { get; set; } = 16;

    /// <summary>
    /// What it may cost, for width or family <c>auto</c>; beside a width that is given, what its variants must keep within.
    /// </summary>
    public StudentBudget? Budget { get; init; }

    /// <summary>
    /// Minutes of processor time that a build of family <c>auto</c> may take, search and training: the trainings are shortened to what
    /// there is time for. Absent: 10 for the search, and then as long as training takes.
    /// </summary>
    public double? Minutes { get; init; }

    /// <summary>True when its family is searched.</summary>
    [JsonIgnore] public bool IsSearched => Family == Auto;

    /// <summary>
    /// Stages of <c>mlp</c>, blocks of <c>encoder</c>; absent: two. Convolutions in each stage of <c>cnn</c>; absent: one. Other families
    /// have a depth of their own.
    /// </summary>
    public int? Depth { get; init; }
}
