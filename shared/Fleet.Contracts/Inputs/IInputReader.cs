using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>Makes what a model takes of what an application has, which is called an instance where it asks for a prediction.</summary>
public interface IInputReader
{
    /// <summary>Values of a sample.</summary>
    int Width { get; }

    /// <summary>Says what an instance is, for whoever writes an application: <c>"kind"</c> and what belongs to it.</summary>
    void Describe(Utf8JsonWriter json);
}

/// <summary>Makes one sample of an instance.</summary>
public interface IInstanceReader : IInputReader
{
    /// <summary>Makes the values of the sample.</summary>
    /// <param name="instance">What the application has, as JSON.</param>
    /// <param name="values">Where the values go, <see cref="IInputReader.Width"/> of them; zeros.</param>
    /// <returns>Names of the parts that hold a word which training did not meet.</returns>
    /// <exception cref="FormatException">It is not what the model takes: a sentence without its beginning.</exception>
    IReadOnlyList<string> Read(JsonElement instance, Span<float> values);
}

/// <summary>Makes a sample of each window of an instance.</summary>
public interface IStreamReader : IInputReader
{
    /// <summary>How an instance is cut.</summary>
    WindowForm Windows { get; }

    /// <summary>Takes an instance of any length that training allowed.</summary>
    /// <param name="instance">What the application has, as JSON.</param>
    /// <exception cref="FormatException">It is not what the model takes: a sentence without its beginning.</exception>
    StreamInstance Open(JsonElement instance);
}
