namespace Fleet.Contracts.Scoring;

/// <summary>
/// What the float model gave for samples, wherever it is kept: in the arrays of a validation set, or in a file where there is too much
/// of it.
/// </summary>
public interface IReferenceOutputs
{
    /// <summary>Names of the outputs that are there.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>The values of one output for one sample; empty when nobody kept them. Samples are asked for in order.</summary>
    ReadOnlySpan<float> ValuesOf(string output, int sample);
}
