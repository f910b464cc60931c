using System.Text.Json.Serialization;

namespace Fleet.Contracts.Tasks;

/// <summary>Which end of a metric is the good one.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<MetricDirection>))]
public enum MetricDirection
{
    /// <summary>More is better.</summary>
    Higher,
    /// <summary>Less is better.</summary>
    Lower,
}
