using System.Text.Json;

namespace Fleet.Contracts.Inputs;

/// <summary>Makes a sample of what an application has, which is called an instance where it asks for a prediction.</summary>
public interface IInstanceReader
{
    /// <summary>Values of a sample.</summary>
    int Width { get; }

    /// <summary>Makes the values of one sample.</summary>
    /// <param name="instance">What the application has, as JSON.</param>
    /// <param name="values">Where the values go, <see cref="Width"/> of them; zeros.</param>
    /// <returns>Names of the parts that hold a word which training did not meet.</returns>
    /// <exception cref="FormatException">It is not what the model takes: a sentence without its beginning.</exception>
    IReadOnlyList<string> Read(JsonElement instance, Span<float> values);

    /// <summary>Says what an instance is, for whoever writes an application: <c>"kind"</c> and what belongs to it.</summary>
    void Describe(Utf8JsonWriter json);
}
