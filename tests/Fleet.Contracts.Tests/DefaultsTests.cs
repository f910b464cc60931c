using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Fleet.Contracts.Tests;

public sealed class DefaultsTests
{
    [Fact]
    public void Key_that_is_absent_keeps_its_default()
    {
        var spec = JsonSerializer.Deserialize(
            """{"model":"m","data":{"kind":"vibration"},"teacher":{},"student":{"family":"cnn"}}""", FleetJson.Default.BuildSpec)!;
        Assert.Equal(1, spec.Seed);
        Assert.Equal(0.2, spec.Data!.TestShare);
        Assert.Null(spec.Teacher!.Training.BatchSize);
        Assert.Equal(3, spec.Quantization.Profiles.Count);
    }

    [Fact]
    public void Every_contract_property_with_a_default_can_be_left_out_of_the_json()
    {
        var wrong =
            from type in typeof(FleetJson).Assembly.GetExportedTypes()
            where !type.IsAbstract && !type.IsGenericType && type != typeof(FleetJson) && type.GetConstructor(Type.EmptyTypes) is not null
            let made = Activator.CreateInstance(type)
            from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            where property.SetMethod is { } setter && setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit))
            let absent = property.PropertyType.IsValueType ? Activator.CreateInstance(property.PropertyType) : null
            where !Equals(property.GetValue(made), absent)
            select $"{type.Name}.{property.Name}";
        Assert.Empty(wrong);
    }
}
