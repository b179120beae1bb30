"""The job store in Redis: one Lua script per operation, and the registry of who is there."""

from shared.adapters.store_redis.aio import AsyncRedisStore
from shared.adapters.store_redis.audit import RedisAudit
from shared.adapters.store_redis.buckets import RedisBuckets
from shared.adapters.store_redis.keeping import StoreKeeping
from shared.adapters.store_redis.key_book import RedisKeyBook
from shared.adapters.store_redis.pauses import RedisPauses
from shared.adapters.store_redis.registry import RedisRegistry
from shared.adapters.store_redis.sync import RedisStore

__all__ = [
    "AsyncRedisStore",
    "RedisAudit",
    "RedisBuckets",
    "RedisKeyBook",
    "RedisPauses",
    "RedisRegistry",
    "RedisStore",
    "StoreKeeping",
]
