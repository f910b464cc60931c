using System.Text.Json.Serialization;

namespace Fleet.Contracts.Tasks;

/// <summary>What a model does. It decides how the model is judged and what people read of it; see <see cref="TaskDefinition"/>.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<ModelTask>))]
public enum ModelTask
{
    /// <summary>Each sample gets one of a fixed number of classes.</summary>
    Classification,
    /// <summary>Each sample gets one or more numbers.</summary>
    Regression,
    /// <summary>Each sample gets boxes, each with a score and a class.</summary>
    Detection,
    /// <summary>Each sample gets a vector whose neighbours matter.</summary>
    Embedding,
    /// <summary>Each sample has any number of labels.</summary>
    MultiLabel,
    /// <summary>Each sample gets a score of how unlike normal ones it is.</summary>
    Anomaly,
    /// <summary>The next token of a text is scored.</summary>
    Generation,
    /// <summary>Nothing is known of the outputs; they are compared with the float model's.</summary>
    Outputs,
}
